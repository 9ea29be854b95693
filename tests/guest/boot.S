/* The guest of the tests: a boot sector for a disk. It speaks on its first serial line, so that a test knows that it lives, within
 * a fraction of a second even where the processor is emulated:
 *
 *   guest: boot N       N counts the boots of this disk, kept in its second sector: what was written is there afterwards
 *   guest: tick         each second
 *   guest: nmi          when it is interrupted
 *   guest: power button when it is asked to shut down; then it powers off
 *
 * With a byte of 'd' at the end of the first sector's code (label deaf) it does not hear the power button; with 'f' it ticks as fast
 * as it can.
 * The registers of ACPI are where SeaBIOS puts them on pc and q35 alike. */
        .code16
        .text
        .globl  start
        .set    PM_EVENT, 0x600         /* status; enable is two bytes further */
        .set    PM_CONTROL, 0x604
        .set    POWER_BUTTON, 0x100
        .set    COM1, 0x3f8

start:  cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    %dl, drive
        movw    $nmi, 0x8
        movw    %ax, 0xa
        sti

        movw    $0x0201, %ax            /* read the second sector */
        call    sector
        incb    0x8000
        movw    $0x0301, %ax            /* and write it */
        call    sector

        movw    $hello, %si
        call    print
        movb    0x8000, %al
        addb    $'0', %al
        call    putc
        movw    $end, %si
        call    print

        movw    $PM_EVENT + 2, %dx
        inw     %dx, %ax
        orw     $POWER_BUTTON, %ax
        cmpb    $'d', deaf
        je      wait
        outw    %ax, %dx

        cmpb    $'f', deaf
        jne     wait
flood:  movw    $tick, %si
        call    print
        jmp     flood

wait:   hlt
        movw    $PM_EVENT, %dx
        inw     %dx, %ax
        testw   $POWER_BUTTON, %ax
        jnz     off
        incw    ticks
        cmpw    $18, ticks
        jb      wait
        movw    $0, ticks
        movw    $tick, %si
        call    print
        jmp     wait

off:    cmpb    $'d', deaf
        je      wait
        movw    $button, %si
        call    print
        movw    $PM_CONTROL, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
stop:   hlt
        jmp     stop

nmi:    pushaw
        movw    $interrupted, %si
        call    print
        popaw
        iretw

sector: movw    $0x0002, %cx
        xorb    %dh, %dh
        movb    drive, %dl
        movw    $0x8000, %bx
        int     $0x13
        ret

print:  lodsb
        testb   %al, %al
        jz      1f
        call    putc
        jmp     print
1:      ret

putc:   movb    %al, %ah
        movw    $COM1 + 5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        movb    %ah, %al
        movw    $COM1, %dx
        outb    %al, %dx
        ret

hello:          .asciz  "guest: boot "
tick:           .asciz  "guest: tick\r\n"
button:         .asciz  "guest: power button\r\n"
interrupted:    .asciz  "guest: nmi\r\n"
end:            .asciz  "\r\n"
drive:          .byte   0
ticks:          .word   0
        .org    0x1fd
deaf:           .byte   0
        .byte   0x55, 0xaa
