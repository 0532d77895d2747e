/* The first 252 bytes of the flash, which the chip's ROM copies to the end of RAM and calls; uf2.py adds the
 * checksum that it wants. The flash is then read by command 03h, which every one of them has, at half the system
 * clock; the program is copied from it to RAM, and started. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .equ SSI, 0x18000000
    .equ SSI_CTRLR0, 0x00
    .equ SSI_CTRLR1, 0x04
    .equ SSI_SSIENR, 0x08
    .equ SSI_BAUDR, 0x14
    .equ SSI_SPI_CTRLR0, 0xF4
    .equ COMMAND_THEN_32_BITS, 31 << 16 | 3 << 8
    .equ COMMAND_03H_ADDRESS_24_BITS, 0x03 << 24 | 2 << 8 | 6 << 2
    .equ VTOR, 0xE000ED08

    .section .boot, "ax"
    .thumb_func
boot:
    ldr r0, =SSI
    movs r1, #0
    str r1, [r0, #SSI_SSIENR]
    str r1, [r0, #SSI_CTRLR1]
    movs r1, #2
    str r1, [r0, #SSI_BAUDR]
    ldr r1, =COMMAND_THEN_32_BITS
    str r1, [r0, #SSI_CTRLR0]
    ldr r1, =COMMAND_03H_ADDRESS_24_BITS
    ldr r2, =SSI + SSI_SPI_CTRLR0
    str r1, [r2]
    movs r1, #1
    str r1, [r0, #SSI_SSIENR]

    ldr r0, =program_begin
    ldr r1, =program_load
    ldr r2, =program_end
copy:
    ldmia r1!, {r3}
    stmia r0!, {r3}
    cmp r0, r2
    blo copy

    ldr r0, =program_begin
    ldr r1, =VTOR
    str r0, [r1]
    ldr r1, [r0]
    msr msp, r1
    ldr r1, [r0, #4]
    bx r1

    .pool
