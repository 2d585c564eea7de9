"""Hostile input: every public function against arguments that users hand over by accident.

A try is a call of one public function with mostly sensible arguments and one to three hostile ones.
It is determined by (seed, index) alone, runs in a child forked from a loaded parent under limits of
time and memory, and ends in one outcome: right against a dense reference, answered, refused with a
sentence that helps, or a fault. ``python -m tests.hostile --help`` says how to run it.
"""
