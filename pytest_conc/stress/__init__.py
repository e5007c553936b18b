"""Real runs of a test, repeated, with sleeps where they matter; and what the repetition says."""
