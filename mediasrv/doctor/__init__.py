"""`mediasrv doctor`: what keeps a server from working well on this machine, and what to do about it."""
