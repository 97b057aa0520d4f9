/* kronvec from C and C++: a table of functions over strided memory, and how to get it.
 *
 *     #include <Python.h>
 *     #include <kronvec.h>                        kronvec.get_include() names the folder
 *
 *     const kronvec_functions *kv = kronvec_import();      once, with the GIL
 *     if (kv == NULL)
 *         return NULL;                                     a Python exception is set
 *     kronvec_matrix a = kronvec_c_order(data, 4, 4, sizeof(double)), ...;
 *     int status = kv->triple_product(KRONVEC_F64, &a, &b, &c, &y);
 *
 * Nothing is linked.  From Cython, `cimport kronvec.cython_api` has the same functions.
 *
 * All but plan_new need no GIL, raise nothing and return a status; where it is not KRONVEC_OK
 * nothing was written, except after KRONVEC_NO_MEMORY.  They may run in any number of threads at
 * once.  Data is aligned as its real type demands and in native byte order; results overlap
 * neither operands nor each other; sizes may be 0.
 */
#ifndef KRONVEC_H
#define KRONVEC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by a change that a client must be compiled anew for.  New functions are appended to the
 * table, which leaves it as it is. */
#define KRONVEC_ABI_VERSION 1

typedef ptrdiff_t kronvec_intp;

/* What `dtype` says: float, double, and complex numbers of two of either, (re, im). */
enum { KRONVEC_F32 = 0, KRONVEC_F64 = 1, KRONVEC_C64 = 2, KRONVEC_C128 = 3 };

/* What the functions return. */
enum {
    KRONVEC_OK = 0,
    KRONVEC_NO_MEMORY = -1,      /* packing a large operand of unusual strides failed */
    KRONVEC_BAD_DTYPE = -2,      /* no such dtype, item size or flag */
    KRONVEC_BAD_SHAPE = -3,      /* sizes do not fit one another, or one is negative */
    KRONVEC_SMALL_WORKSPACE = -4 /* plan_workspace says how much is needed */
};

/* What `flags` may hold. */
enum {
    KRONVEC_ACCUMULATE = 1, /* add to the result */
    KRONVEC_CONJUGATE = 2   /* take the complex conjugate of what the function says */
};

/* Entry (i, j) lies at data + i row_stride + j col_stride.  Strides are bytes; those of an operand
 * may be negative or 0. */
typedef struct {
    void *data;
    kronvec_intp rows, cols, row_stride, col_stride;
} kronvec_matrix;

/* Entry (l, p, r) lies at data + l strides[0] + p strides[1] + r strides[2], bytes likewise. */
typedef struct {
    void *data;
    kronvec_intp sizes[3], strides[3];
} kronvec_tensor;

/* How a product of many factors is computed; made once from shapes, never changed. */
typedef struct kronvec_plan kronvec_plan;

/* In place of the rows of a factor: it is an identity, as large as its columns say. */
#define KRONVEC_IDENTITY (-1)

typedef struct {
    /* KRONVEC_ABI_VERSION of the kronvec at hand, and the bytes of its table. */
    int abi_version;
    size_t size;

    /* y[l,q,r] (+)= Σ_p f[q,p] x[l,p,r]; KRONVEC_CONJUGATE takes conj(f), KRONVEC_ACCUMULATE
     * adds to y.  With l = 1 it is the matrix product Y = F X.  Fast where r is contiguous. */
    int (*mode_product)(int dtype, const kronvec_matrix *f, const kronvec_tensor *x,
                        const kronvec_tensor *y, int flags);

    /* Y = A B C by the cheaper association. */
    int (*triple_product)(int dtype, const kronvec_matrix *a, const kronvec_matrix *b,
                          const kronvec_matrix *c, const kronvec_matrix *y);

    /* y[j,i] = x[i,j] for items of any number of bytes; 1, 2, 4, 8 and 16 are fast. */
    int (*transpose)(kronvec_intp itemsize, const kronvec_matrix *x, const kronvec_matrix *y);

    /* Y = A ⊗ B: y[i p + k, j q + l] = a[i,j] b[k,l] for B of shape (p, q). */
    int (*kron)(int dtype, const kronvec_matrix *a, const kronvec_matrix *b,
                const kronvec_matrix *y);

    /* The gradients of Y = X W for a cotangent G of Y: dX = G Wᵀ, dW = Xᵀ G; Wᴴ and Xᴴ for
     * KRONVEC_CONJUGATE. */
    int (*matmul_vjp)(int dtype, const kronvec_matrix *g, const kronvec_matrix *x,
                      const kronvec_matrix *w, const kronvec_matrix *dx, const kronvec_matrix *dw,
                      int flags);

    /* A plan for Y[l,:,r] = (F1 ⊗ ... ⊗ FN) X[l,:,r] with F_i of shape (shapes[2 i],
     * shapes[2 i + 1]), l < left, r < right; KRONVEC_IDENTITY may stand for rows.
     * With the GIL; NULL and a Python exception (ValueError, MemoryError) where there is none.
     * Real factors of complex data: a real plan with 2 right. */
    kronvec_plan *(*plan_new)(int dtype, int count, const kronvec_intp *shapes, kronvec_intp left,
                              kronvec_intp right);

    /* Give it back; NULL is none. */
    void (*plan_free)(kronvec_plan *plan);

    /* Bytes of workspace that plan_apply needs, for operands that are `strided` or C-contiguous. */
    size_t (*plan_workspace)(const kronvec_plan *plan, int strided);

    /* Y[l,:,r] = (F1 ⊗ ... ⊗ FN) X[l,:,r] for x (left, N, right) and y (left, M, right); for
     * KRONVEC_CONJUGATE with conj(F_i).  The entry of an identity among the factors is not read.
     * A workspace serves one call at a time, need not be aligned, and may be NULL if 0 bytes are
     * needed. */
    int (*plan_apply)(const kronvec_plan *plan, const kronvec_matrix *factors,
                      const kronvec_tensor *x, const kronvec_tensor *y, int flags, void *workspace,
                      size_t workspace_bytes);
} kronvec_functions;

/* Rows behind one another. */
static inline kronvec_matrix kronvec_c_order(const void *data, kronvec_intp rows, kronvec_intp cols,
                                             kronvec_intp itemsize)
{
    kronvec_matrix a;
    a.data = (void *)data;
    a.rows = rows;
    a.cols = cols;
    a.row_stride = cols * itemsize;
    a.col_stride = itemsize;
    return a;
}

/* Aᵀ, in the memory of A. */
static inline kronvec_matrix kronvec_transposed(kronvec_matrix a)
{
    kronvec_matrix t;
    t.data = a.data;
    t.rows = a.cols;
    t.cols = a.rows;
    t.row_stride = a.col_stride;
    t.col_stride = a.row_stride;
    return t;
}

/* A C-contiguous x[l,p,r]. */
static inline kronvec_tensor kronvec_c_order_tensor(const void *data, kronvec_intp left,
                                                    kronvec_intp rows, kronvec_intp right,
                                                    kronvec_intp itemsize)
{
    kronvec_tensor x;
    x.data = (void *)data;
    x.sizes[0] = left;
    x.sizes[1] = rows;
    x.sizes[2] = right;
    x.strides[0] = rows * right * itemsize;
    x.strides[1] = right * itemsize;
    x.strides[2] = itemsize;
    return x;
}

#ifdef Py_PYTHON_H
/* The table of the kronvec that this process imports, or NULL with an ImportError set: there is
 * no kronvec, or one of another ABI, or an older one that lacks functions of this header. */
static inline const kronvec_functions *kronvec_import(void)
{
    const kronvec_functions *table = NULL;
    PyObject *module = PyImport_ImportModule("kronvec.cython_api");
    PyObject *capsule = module ? PyObject_GetAttrString(module, "_c_api") : NULL;
    if (capsule)
        table =
            (const kronvec_functions *)PyCapsule_GetPointer(capsule, "kronvec.cython_api._c_api");
    Py_XDECREF(capsule);
    Py_XDECREF(module);
    if (table && table->abi_version != KRONVEC_ABI_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "compiled for ABI %d of kronvec, but the kronvec installed has ABI %d: "
                     "compile this module anew against it",
                     KRONVEC_ABI_VERSION, table->abi_version);
        return NULL;
    }
    if (table && table->size < sizeof(kronvec_functions)) {
        PyErr_SetString(PyExc_ImportError,
                        "compiled for a newer kronvec than the one installed: upgrade kronvec");
        return NULL;
    }
    return table;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
