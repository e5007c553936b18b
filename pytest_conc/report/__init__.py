"""What people read: terminal columns and verdicts."""
