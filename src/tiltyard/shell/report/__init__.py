"""Reports: what an arm did, how it is judged, what would happen, what to do next."""
