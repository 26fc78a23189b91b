"""What a device is told that the owner has sent away: the reason beside `CLOSE_DISMISSED`.

It has done nothing wrong, so it says something else to its people than one that failed.
"""

BY_OWNER = "owner"
