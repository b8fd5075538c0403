"""`mediasrv loadtest`: synthetic participants load a server, check every packet they get, and say what it cost."""
