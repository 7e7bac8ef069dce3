# The whole of the build: every folder that xen/Makefile lists, then one object.
build-dirs := $(patsubst %/built_in.o,%,$(filter %/built_in.o,$(ALL_OBJS)))

$(sort $(ALL_OBJS)): $(build-dirs) ;

$(build-dirs): FORCE
	$(MAKE) -f Rules.mk obj=$@

prelink.o: $(ALL_OBJS)
	$(LD) -r -o $@ $(ALL_OBJS)
