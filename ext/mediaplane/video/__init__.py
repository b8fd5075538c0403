"""Video above the packet: frames put together from what arrives."""
