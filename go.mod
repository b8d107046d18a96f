module github.com/fetchmill/fetchmill

go 1.26
