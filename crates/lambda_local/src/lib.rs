//! A Lambda service for a laptop and CI.
