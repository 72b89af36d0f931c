"""Short campaigns on real servers, which are killed, cut off and doubled at random times: `make chaos`."""
