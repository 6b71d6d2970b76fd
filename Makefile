# libdualpath. `make help` lists what there is.
