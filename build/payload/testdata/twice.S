/* Linked twice: two functions of one name in one file. */
	.file "common/twice.c"
	.text
	.balign 16, 0x90
	.type twin, @function
twin:	.fill 15, 1, 0x90
	ret
	.size twin, 16
