.macro put_seven register
    mov $7, \register
.endm
