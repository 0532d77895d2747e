"""What a run does, for people who watch: a page in a browser, a terminal, and figures for Prometheus.

All of it in a process of its own, from the feed of `neurograsp run --feed`: the control loop never waits for
anybody who looks. `View` is what is known, pure; `server` and `terminal` show it.
"""
