"""The call target of kronvec.interop.jax: XLA calls it with its buffers, it calls Python.

``functions[i](operands, results)`` computes, for the attribute ``function`` = i of the call, from
read-only arrays on the buffers of the operands into arrays on those of the results.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int64_t
from libc.stddef cimport size_t
cimport numpy as cnp

cnp.import_array()

cdef extern from "xla/ffi/api/c_api.h" nogil:
    enum: XLA_FFI_API_MAJOR
    enum: XLA_FFI_API_MINOR
    ctypedef enum XLA_FFI_Extension_Type:
        XLA_FFI_Extension_Metadata
    ctypedef enum XLA_FFI_ExecutionStage:
        XLA_FFI_ExecutionStage_EXECUTE
    ctypedef enum XLA_FFI_Error_Code:
        XLA_FFI_Error_Code_INTERNAL
    ctypedef enum XLA_FFI_DataType:
        XLA_FFI_DataType_F32
        XLA_FFI_DataType_F64
        XLA_FFI_DataType_C64
        XLA_FFI_DataType_C128
    ctypedef struct XLA_FFI_Error:
        pass
    ctypedef struct XLA_FFI_Extension_Base:
        XLA_FFI_Extension_Type type
    ctypedef struct XLA_FFI_Api_Version:
        int major_version
        int minor_version
    ctypedef struct XLA_FFI_Metadata:
        XLA_FFI_Api_Version api_version
    ctypedef struct XLA_FFI_Metadata_Extension:
        XLA_FFI_Metadata *metadata
    ctypedef struct XLA_FFI_Buffer:
        XLA_FFI_DataType dtype
        void *data
        int64_t rank
        int64_t *dims
    ctypedef struct XLA_FFI_Scalar:
        void *value
    ctypedef struct XLA_FFI_Args:
        int64_t size
        void **args
    ctypedef struct XLA_FFI_Rets:
        int64_t size
        void **rets
    ctypedef struct XLA_FFI_Attrs:
        int64_t size
        void **attrs
    ctypedef struct XLA_FFI_Error_Create_Args:
        size_t struct_size
        const char *message
        XLA_FFI_Error_Code errc
    ctypedef XLA_FFI_Error *(*XLA_FFI_Error_Create)(XLA_FFI_Error_Create_Args *)
    ctypedef struct XLA_FFI_Api:
        XLA_FFI_Error *XLA_FFI_Error_Create(XLA_FFI_Error_Create_Args *)
    ctypedef struct XLA_FFI_CallFrame:
        XLA_FFI_Extension_Base *extension_start
        const XLA_FFI_Api *api
        XLA_FFI_ExecutionStage stage
        XLA_FFI_Args args
        XLA_FFI_Rets rets
        XLA_FFI_Attrs attrs
    size_t XLA_FFI_Error_Create_Args_STRUCT_SIZE

# What the attribute `function` counts; kronvec.interop.jax fills it.
functions = []


cdef int type_number(XLA_FFI_DataType dtype) except -1:
    if dtype == XLA_FFI_DataType_F32:
        return cnp.NPY_FLOAT
    if dtype == XLA_FFI_DataType_F64:
        return cnp.NPY_DOUBLE
    if dtype == XLA_FFI_DataType_C64:
        return cnp.NPY_CFLOAT
    if dtype == XLA_FFI_DataType_C128:
        return cnp.NPY_CDOUBLE
    raise TypeError(f"kronvec: no kernels for the XLA data type {<int>dtype}")


cdef list arrays(void **buffers, int64_t count, bint writeable):
    """Arrays on the buffers, which lie by rows."""
    cdef XLA_FFI_Buffer *buffer
    cdef cnp.ndarray array
    cdef int64_t i
    cdef list made = []
    for i in range(count):
        buffer = <XLA_FFI_Buffer *>buffers[i]
        array = cnp.PyArray_SimpleNewFromData(
            <int>buffer.rank, <cnp.npy_intp *>buffer.dims, type_number(buffer.dtype), buffer.data)
        if not writeable:
            cnp.PyArray_CLEARFLAGS(array, cnp.NPY_ARRAY_WRITEABLE)
        made.append(array)
    return made


cdef XLA_FFI_Error *failed(XLA_FFI_CallFrame *frame, error) noexcept:
    cdef XLA_FFI_Error_Create_Args report
    cdef bytes message = f"{type(error).__name__}: {error}".encode()
    report.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE
    report.message = message
    report.errc = XLA_FFI_Error_Code_INTERNAL
    return frame.api.XLA_FFI_Error_Create(&report)


cdef XLA_FFI_Error *compute(XLA_FFI_CallFrame *frame) noexcept with gil:
    cdef int64_t function
    try:
        function = (<int64_t *>(<XLA_FFI_Scalar *>frame.attrs.attrs[0]).value)[0]
        functions[function](
            arrays(frame.args.args, frame.args.size, False),
            arrays(frame.rets.rets, frame.rets.size, True))
    except BaseException as error:
        return failed(frame, error)
    return NULL


cdef XLA_FFI_Error *handler(XLA_FFI_CallFrame *frame) noexcept nogil:
    cdef XLA_FFI_Metadata *metadata
    if (frame.extension_start != NULL
            and frame.extension_start.type == XLA_FFI_Extension_Metadata):
        metadata = (<XLA_FFI_Metadata_Extension *>frame.extension_start).metadata
        metadata.api_version.major_version = XLA_FFI_API_MAJOR
        metadata.api_version.minor_version = XLA_FFI_API_MINOR
        return NULL
    if frame.stage != XLA_FFI_ExecutionStage_EXECUTE:
        return NULL
    return compute(frame)


def target():
    """The capsule that `jax.ffi.register_ffi_target` takes."""
    return PyCapsule_New(<void *>handler, NULL, NULL)
