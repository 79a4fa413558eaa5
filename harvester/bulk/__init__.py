"""WARC files of others into the archive, at any scale.

    files | map: file -> findings (here, in processes, on a cluster) | merge: one judge, in order

The map is pure and knows neither archive nor order, so a worker that is lost costs a repeat of its
file and nothing else. What was merged is in the catalogue: no file is merged twice.
"""
