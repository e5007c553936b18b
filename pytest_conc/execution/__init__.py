"""One execution: the scheduler, the hosts that suspend and resume tasks, the clock and the watchdog."""
