"""How a room uses several workers: a publisher's worker hands each packet once to each other one that wants it."""
