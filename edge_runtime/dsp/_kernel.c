/* Python binding of kernel.c. Arrays come as C-contiguous buffers; their sizes are checked here,
 * their meaning in chain.py. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernel.h"

typedef struct {
    Py_buffer view;
    int held;
} Buffer;

static int take(PyObject *object, int writable, Py_ssize_t item, Py_ssize_t n_items, const char *name,
                Buffer *buffer)
{
    if (PyObject_GetBuffer(object, &buffer->view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0) {
        return -1;
    }
    buffer->held = 1;
    if (buffer->view.len % item != 0 || buffer->view.len / item != n_items) {
        PyErr_Format(PyExc_ValueError, "%s has %zd bytes, expected %zd items of %zd", name, buffer->view.len,
                     n_items, item);
        return -1;
    }
    return 0;
}

static void drop(Buffer *buffers, size_t n)
{
    for (size_t i = 0; i < n; ++i) {
        if (buffers[i].held) {
            PyBuffer_Release(&buffers[i].view);
        }
    }
}

static int sizes_ok(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c)
{
    if (a < 0 || b < 1 || c < 1 || a > 100000000 || b > 4096 || c > 4096) {
        PyErr_SetString(PyExc_ValueError, "array sizes out of range");
        return 0;
    }
    return 1;
}

static PyObject *py_load(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *counts, *out;
    Py_ssize_t n;
    unsigned int shift;
    if (!PyArg_ParseTuple(args, "OnIO", &counts, &n, &shift, &out)) {
        return NULL;
    }
    if (n < 0 || shift > 29) {
        return PyErr_Format(PyExc_ValueError, "load: n must be >= 0 and shift <= 29");
    }
    Buffer b[2] = {{.held = 0}, {.held = 0}};
    PyObject *result = NULL;
    if (take(counts, 0, 4, n, "counts", &b[0]) == 0 && take(out, 1, 4, n, "out", &b[1]) == 0) {
        result = PyLong_FromUnsignedLong(ng_load(b[0].view.buf, (size_t)n, shift, b[1].view.buf));
    }
    drop(b, 2);
    return result;
}

static PyObject *py_sos(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *frames, *coefs, *state;
    Py_ssize_t n_frames, n_channels, n_sections;
    if (!PyArg_ParseTuple(args, "OnnOnO", &frames, &n_frames, &n_channels, &coefs, &n_sections, &state)
        || !sizes_ok(n_frames, n_channels, n_sections)) {
        return NULL;
    }
    Buffer b[3] = {{.held = 0}, {.held = 0}, {.held = 0}};
    PyObject *result = NULL;
    if (take(frames, 1, 4, n_frames * n_channels, "frames", &b[0]) == 0
        && take(coefs, 0, 4, 5 * n_sections, "coefs", &b[1]) == 0
        && take(state, 1, 4, 6 * n_sections * n_channels, "state", &b[2]) == 0) {
        result = PyLong_FromUnsignedLong(ng_sos(b[0].view.buf, (size_t)n_frames, (size_t)n_channels,
                                                b[1].view.buf, (size_t)n_sections, b[2].view.buf));
    }
    drop(b, 3);
    return result;
}

static PyObject *py_fir(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *frames, *taps, *history, *cursor, *out;
    Py_ssize_t n_frames, n_channels, n_taps;
    unsigned int factor;
    if (!PyArg_ParseTuple(args, "OnnOnIOOO", &frames, &n_frames, &n_channels, &taps, &n_taps, &factor,
                          &history, &cursor, &out)
        || !sizes_ok(n_frames, n_channels, n_taps)) {
        return NULL;
    }
    if (factor < 1) {
        return PyErr_Format(PyExc_ValueError, "factor must be at least 1");
    }
    Buffer b[5] = {{.held = 0}, {.held = 0}, {.held = 0}, {.held = 0}, {.held = 0}};
    PyObject *result = NULL;
    if (take(frames, 0, 4, n_frames * n_channels, "frames", &b[0]) == 0
        && take(taps, 0, 4, n_taps, "taps", &b[1]) == 0
        && take(history, 1, 4, n_taps * n_channels, "history", &b[2]) == 0
        && take(cursor, 1, 4, 2, "cursor", &b[3]) == 0) {
        uint32_t *at = b[3].view.buf;
        if (at[0] >= (uint32_t)n_taps || at[1] >= factor) {
            PyErr_SetString(PyExc_ValueError, "cursor out of range");
        } else if (take(out, 1, 4, (Py_ssize_t)((at[1] + (size_t)n_frames) / factor) * n_channels, "out",
                        &b[4]) == 0) {
            uint32_t n_clipped = 0;
            ng_fir(b[0].view.buf, (size_t)n_frames, (size_t)n_channels, b[1].view.buf, (size_t)n_taps,
                   factor, b[2].view.buf, at, b[4].view.buf, &n_clipped);
            result = PyLong_FromUnsignedLong(n_clipped);
        }
    }
    drop(b, 5);
    return result;
}

static PyObject *py_mix(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *frames, *weights, *out;
    Py_ssize_t n_frames, n_channels;
    if (!PyArg_ParseTuple(args, "OnnOO", &frames, &n_frames, &n_channels, &weights, &out)
        || !sizes_ok(n_frames, n_channels, 1)) {
        return NULL;
    }
    Buffer b[3] = {{.held = 0}, {.held = 0}, {.held = 0}};
    PyObject *result = NULL;
    if (take(frames, 0, 4, n_frames * n_channels, "frames", &b[0]) == 0
        && take(weights, 0, 4, n_channels * n_channels, "weights", &b[1]) == 0
        && take(out, 1, 4, n_frames * n_channels, "out", &b[2]) == 0) {
        result = PyLong_FromUnsignedLong(ng_mix(b[0].view.buf, (size_t)n_frames, (size_t)n_channels,
                                                b[1].view.buf, b[2].view.buf));
    }
    drop(b, 3);
    return result;
}

static PyObject *py_scale(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *frames, *offset, *multiplier, *shift, *out;
    Py_ssize_t n_frames, n_channels;
    if (!PyArg_ParseTuple(args, "OnnOOOO", &frames, &n_frames, &n_channels, &offset, &multiplier, &shift,
                          &out)
        || !sizes_ok(n_frames, n_channels, 1)) {
        return NULL;
    }
    Buffer b[5] = {{.held = 0}, {.held = 0}, {.held = 0}, {.held = 0}, {.held = 0}};
    PyObject *result = NULL;
    if (take(frames, 0, 4, n_frames * n_channels, "frames", &b[0]) == 0
        && take(offset, 0, 4, n_channels, "offset", &b[1]) == 0
        && take(multiplier, 0, 4, n_channels, "multiplier", &b[2]) == 0
        && take(shift, 0, 4, n_channels, "shift", &b[3]) == 0
        && take(out, 1, 1, n_frames * n_channels, "out", &b[4]) == 0) {
        const int32_t *shifts = b[3].view.buf;
        int in_range = 1;
        for (Py_ssize_t c = 0; c < n_channels; ++c) {
            in_range = in_range && shifts[c] >= 1 && shifts[c] <= 62;
        }
        if (in_range) {
            result = PyLong_FromUnsignedLong(ng_scale(b[0].view.buf, (size_t)n_frames, (size_t)n_channels,
                                                      b[1].view.buf, b[2].view.buf, shifts,
                                                      b[4].view.buf));
        } else {
            PyErr_SetString(PyExc_ValueError, "shift must be in 1..62");
        }
    }
    drop(b, 5);
    return result;
}

static PyMethodDef methods[] = {
    {"load", py_load, METH_VARARGS, "load(counts, n, shift, out) -> counts at the rails"},
    {"sos", py_sos, METH_VARARGS, "sos(frames, n, channels, coefs, sections, state) -> clipped samples"},
    {"fir", py_fir, METH_VARARGS,
     "fir(frames, n, channels, taps, n_taps, factor, history, cursor, out) -> clipped samples"},
    {"mix", py_mix, METH_VARARGS, "mix(frames, n, channels, weights, out) -> clipped samples"},
    {"scale", py_scale, METH_VARARGS,
     "scale(frames, n, channels, offset, multiplier, shift, out) -> clipped samples"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_kernel", "Streaming integer filters (kernel.c).", -1, methods, 0, 0, 0, 0,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModule_Create(&module);
}
