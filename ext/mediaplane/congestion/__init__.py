"""Congestion control: transport-wide feedback towards the publishers."""
