"""Judges of result files, equal to the official tools; no network is loaded here."""
