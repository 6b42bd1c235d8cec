"""Every object in a video as a complete, labelled, scored mask sequence."""
