# As much of Xen's as says what is compiled in a folder; the Makefile does it.
CFLAGS += -nostdinc
include $(obj)/Makefile
__build: $(addprefix $(obj)/,$(obj-y))

$(obj)/%.o: $(obj)/%.c
	$(CC) $(CFLAGS) -c $< -o $@

$(obj)/%.o: $(obj)/%.S
	$(CC) $(CFLAGS) -D__ASSEMBLY__ -c $< -o $@
