"""Two and more peers over a simulated network, through the sans-IO media plane, in virtual time."""
