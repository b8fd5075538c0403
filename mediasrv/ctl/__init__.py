"""`mediasrv ctl …`: look after a running server from the command line, over the control protocol."""
