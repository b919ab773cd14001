"""The command line `registry`: one command per task; the other rooms do the work."""
