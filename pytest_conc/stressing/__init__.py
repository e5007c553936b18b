"""Real runs: the threads and processes of a test for real, again and again, with sleeps where they matter."""
