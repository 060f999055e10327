"""Definitions of features and their compilation to queries; imports no other package of ours."""
