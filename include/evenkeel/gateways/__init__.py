"""One vendor, one door: each module here speaks evenkeel's words inwards and one library's outwards."""
