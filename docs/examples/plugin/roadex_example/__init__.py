"""A network, a loss, a metric, an output format and a cleaning step for roadex."""
