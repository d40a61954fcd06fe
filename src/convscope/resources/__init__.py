"""What a job will take, said before it begins: memory, room on the disk, and time; and how it is kept to a limit."""
