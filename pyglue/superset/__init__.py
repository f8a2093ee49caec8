"""What pyglue asks of Superset, all through its REST interface: registering Druid, datasets, dashboards, charts."""
