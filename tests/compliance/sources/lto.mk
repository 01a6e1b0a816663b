all: one two
one two:
	$(ICECC) ./lto/gcc -flto=auto plain.o -o $@
