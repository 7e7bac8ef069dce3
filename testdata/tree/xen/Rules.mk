# The build of one folder, which obj names.
src := $(obj)
srcdir := $(srctree)/$(src)

.PHONY: __build
__build: $(obj)/built_in.o

include $(objtree)/include/config/auto.conf

obj-y :=
obj-bin-y :=
CFLAGS-y :=

# The filename build.mk has precedence over Makefile
include $(firstword $(wildcard $(srcdir)/build.mk) $(srcdir)/Makefile)

subdir-y  := $(patsubst %/,$(obj)/%,$(filter %/, $(obj-y)))
obj-y     := $(patsubst %/, %/built_in.o, $(obj-y))
obj-y     := $(addprefix $(obj)/,$(obj-y))
obj-bin-y := $(addprefix $(obj)/,$(obj-bin-y))

$(filter %.init.o,$(obj-y) $(obj-bin-y)): CFLAGS-y += -DINIT_SECTIONS_ONLY

obj-y += $(obj-bin-y)

deps = -MMD -MP -MF $(@D)/.$(@F).d
c_flags = $(XEN_CFLAGS) $(CFLAGS-y) $(deps)
a_flags = $(XEN_AFLAGS) $(CFLAGS-y) $(deps)

# As Kbuild does, the command stays beside the object.
record = @printf 'cmd_%s := %s\n' '$@' '$(1)' > $(@D)/.$(@F).cmd

.PHONY: FORCE
FORCE:

$(addsuffix /built_in.o,$(subdir-y)): $(obj)/%/built_in.o: FORCE
	$(MAKE) -f Rules.mk obj=$(obj)/$*

$(obj)/built_in.o: $(obj-y)
	$(if $(strip $(obj-y)),$(LD) -r -o $@ $(obj-y),$(CC) $(c_flags) -c -x c /dev/null -o $@)

$(obj)/%.o: $(src)/%.c FORCE
	$(CC) $(c_flags) -c $< -o $@
	$(call record,$(CC) $(c_flags) -c $< -o $@)

$(obj)/%.o: $(src)/%.S FORCE
	$(CC) $(a_flags) -c $< -o $@
	$(call record,$(CC) $(a_flags) -c $< -o $@)

# Objects that are needed at boot only: all their data goes away with the rest.
$(filter %.init.o,$(obj-y)): $(obj)/%.init.o: $(obj)/%.o
	$(or $(OBJCOPY),objcopy) --rename-section .rodata=.init.rodata $< $@
	$(call record,$(or $(OBJCOPY),objcopy) --rename-section .rodata=.init.rodata $< $@)
