/* The model and the clip: bytes of files, which stay where the linker puts them. A compiled model is
 * used in place if it begins at a multiple of 64 bytes. */
        .section .model, "a"
        .global model_bytes, model_end, clip_bytes, clip_end
        .balign 64
model_bytes:
        .incbin MODEL_FILE
model_end:
        .balign 64
clip_bytes:
        .incbin CLIP_FILE
clip_end:
        .byte 0

#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
