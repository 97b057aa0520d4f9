/* kronvec through its header: y = a b c and y = (f ⊗ f) x, count times over, on buffers. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <kronvec.h>

static const kronvec_functions *kv;

/* The matrix in a buffer of doubles of two axes. */
static int read_matrix(PyObject *object, Py_buffer *buffer, kronvec_matrix *a)
{
    if (PyObject_GetBuffer(object, buffer, PyBUF_STRIDES) < 0)
        return -1;
    a->data = buffer->buf;
    a->rows = buffer->shape[0];
    a->cols = buffer->shape[1];
    a->row_stride = buffer->strides[0];
    a->col_stride = buffer->strides[1];
    return 0;
}

static PyObject *triple_product(PyObject *module, PyObject *args)
{
    PyObject *objects[4];
    Py_buffer buffers[4];
    kronvec_matrix a[4];
    Py_ssize_t count;
    int read = 0, status = KRONVEC_OK;
    if (!PyArg_ParseTuple(args, "OOOOn", &objects[0], &objects[1], &objects[2], &objects[3],
                          &count))
        return NULL;
    while (read < 4 && read_matrix(objects[read], &buffers[read], &a[read]) == 0)
        ++read;
    if (read == 4) {
        Py_BEGIN_ALLOW_THREADS for (Py_ssize_t i = 0; i < count; ++i) status |=
            kv->triple_product(KRONVEC_F64, &a[0], &a[1], &a[2], &a[3]);
        Py_END_ALLOW_THREADS
    }
    for (int i = 0; i < read; ++i)
        PyBuffer_Release(&buffers[i]);
    return read == 4 ? PyLong_FromLong(status) : NULL;
}

/* y = (f ⊗ f) x for an f of n by n; the status. */
static PyObject *kron_matvec(PyObject *module, PyObject *args)
{
    PyObject *objects[3];
    Py_buffer buffers[3];
    kronvec_matrix a[3], factors[2];
    kronvec_plan *plan = NULL;
    int read = 0, status = KRONVEC_OK;
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    while (read < 3 && read_matrix(objects[read], &buffers[read], &a[read]) == 0)
        ++read;
    if (read == 3) {
        const kronvec_intp n = a[0].rows, shapes[4] = {n, n, n, n};
        plan = kv->plan_new(KRONVEC_F64, 2, shapes, 1, 1);
    }
    if (plan) {
        const kronvec_tensor x = kronvec_c_order_tensor(a[1].data, 1, a[1].rows, 1, sizeof(double));
        const kronvec_tensor y = kronvec_c_order_tensor(a[2].data, 1, a[2].rows, 1, sizeof(double));
        const size_t size = kv->plan_workspace(plan, 0);
        void *workspace = malloc(size);
        factors[0] = factors[1] = a[0];
        Py_BEGIN_ALLOW_THREADS status = kv->plan_apply(plan, factors, &x, &y, 0, workspace, size);
        Py_END_ALLOW_THREADS free(workspace);
        kv->plan_free(plan);
    }
    for (int i = 0; i < read; ++i)
        PyBuffer_Release(&buffers[i]);
    return plan ? PyLong_FromLong(status) : NULL;
}

static PyMethodDef methods[] = {
    {"triple_product", triple_product, METH_VARARGS, NULL},
    {"kron_matvec", kron_matvec, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "from_c", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_from_c(void)
{
    kv = kronvec_import();
    return kv ? PyModule_Create(&definition) : NULL;
}
