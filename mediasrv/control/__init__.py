"""Carriers of the control protocol for programs: TCP, with TLS or without, and Unix sockets."""
