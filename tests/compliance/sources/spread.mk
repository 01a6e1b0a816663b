# As many objects as make starts at once, and one link.
OBJECTS = $(foreach n,0 1 2 3 4 5 6 7 8 9,spread$(n).o)
spread: spread.main.o $(OBJECTS)
	$(ICECC) $(CC) $^ -o $@
spread.main.o: part.c
	$(ICECC) $(CC) -Dpart=main -c $< -o $@
spread%.o: plain.c
	$(ICECC) $(CC) -Dplain=plain$* -c $< -o $@
