#!/bin/sh
exec "$ICECC_UNDER_TEST" gcc -Wall -c plain.c -o plain.o
