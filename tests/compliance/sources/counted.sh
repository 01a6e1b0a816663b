#!/bin/sh
# Writes down when it begins and ends.
echo begin >> counted.log
sleep 0.1
echo end >> counted.log
