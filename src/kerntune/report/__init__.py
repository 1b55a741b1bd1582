"""Reports: a study in words and numbers. Values in, text out; prints nothing."""
