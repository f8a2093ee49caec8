"""What a report of trouble needs, in one archive: versions, configuration, logs, status, and no secret of anybody."""
