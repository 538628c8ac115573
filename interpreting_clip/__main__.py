"""`python -m interpreting_clip` is the command `interpreting-clip`."""

from interpreting_clip.command import start

if __name__ == "__main__":
    start()
