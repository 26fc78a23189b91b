"""Computing chunks, in a browser or on a native Python."""
