# The core, this folder and one board as a freestanding program. The board sets TARGET, LINK and PROGRAM.
SRC := ../../../src
CORTEX := ../cortex
PROFILE ?= arm
OUT ?= build
EXTRA ?= # sources, or options of the linker

SOURCES := $(wildcard $(SRC)/*.c $(CORTEX)/*.c *.c *.S)
HEADERS := $(wildcard $(SRC)/*.h $(CORTEX)/*.h *.h)
CFLAGS := -std=c99 -Os -g -ffreestanding -fno-builtin -ffunction-sections -fdata-sections \
	-Wall -Wextra -Werror -Wconversion -Wshadow -DHAND_PROFILE=hand_profile_$(PROFILE) -I$(SRC) -I$(CORTEX) -I.
LDFLAGS := -nostdlib -fuse-ld=lld -T $(LINK) -Wl,--gc-sections

.PHONY: all clean
all: $(OUT)/$(PROGRAM)-$(PROFILE).elf

$(OUT)/$(PROGRAM)-$(PROFILE).elf: $(SOURCES) $(HEADERS) $(LINK) Makefile $(CORTEX)/cortex.mk
	@mkdir -p $(OUT)
	clang $(TARGET) $(CFLAGS) $(LDFLAGS) $(SOURCES) $(EXTRA) -o $@
	size $@

clean:
	rm -rf $(OUT)
