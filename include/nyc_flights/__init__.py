"""The example data: flights that left New York in 2013, and what their features share."""
