"""Where frames come from: boards, files, networks."""
