"""What outlives the process: the data folder and the database. Knows nothing of what is kept in them."""
