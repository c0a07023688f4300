"""Floor 1: pure functions and classes on arrays and tables. No I/O of any kind."""
