"""Many executions of one program: budget, checks, replay, minimising, verdict."""
