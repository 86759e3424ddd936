"""evenkeel keeps machine-learning models on an even keel: trained, scored, watched and replaced, as of a date."""
